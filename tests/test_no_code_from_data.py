"""Nothing that is read can run: no source calls what turns data into code or starts a program."""

import ast
from pathlib import Path

import maxella

# As they are called, or as an attribute of whatever object; `model.eval()` is another thing.
CALLS = {"eval", "exec", "compile", "__import__"}
ATTRIBUTES = {"popen", "import_module", "unsafe_load", "read_pickle", "literal_eval"}
MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "subprocess",
    "ctypes",
}
OF_MODULES = {("torch", "load"), ("np", "load"), ("numpy", "load"), ("os", "system")}
# Names of the package come from a table in it. pip fetches a wheel by its name and hash; no word
# of the command comes from outside.
ALLOWED = {("__init__.py", "import_module"), ("sources/download.py", "subprocess")}


def found(text):
    """Each of these in a source."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            yield from names & MODULES
        elif isinstance(node, ast.ImportFrom):
            yield from {(node.module or "").split(".")[0]} & MODULES
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield from {node.func.id} & CALLS
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from {node.func.attr} & ATTRIBUTES
            if isinstance(node.func.value, ast.Name):
                pair = (node.func.value.id, node.func.attr)
                yield from {".".join(pair)} if pair in OF_MODULES else ()
            yield from {"shell"} & {word.arg for word in node.keywords}


def test_no_source_turns_data_into_code():
    root = Path(maxella.__file__).parent
    sources = sorted(root.rglob("*.py"))
    assert len(sources) > 200
    calls = {(p.relative_to(root).as_posix(), one) for p in sources for one in found(p.read_text())}
    assert calls == ALLOWED


def test_what_is_looked_for_is_found():
    text = "import pickle, os\nfrom yaml import x\ntorch.load(f)\neval(a)\nos.system(b)\nrun(c)\n"
    assert set(found(text)) == {"pickle", "yaml", "torch.load", "eval", "os.system"}
    assert set(found("model.eval()\nre.compile('a')\nsubprocess = 1\n")) == set()
