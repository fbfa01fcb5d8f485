import subprocess
import sys


def test_import_and_help_load_nothing_heavy():
    code = (
        "import sys, maxella\n"
        "import maxella.cli.main\n"
        "heavy = {'torch', 'polars', 'pydantic', 'matplotlib', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_error_is_one_message_and_exit_code_2(tmp_path):
    command = [sys.executable, "-m", "maxella.cli", "train", "no.toml", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no.toml" in done.stderr
    assert "Traceback" not in done.stderr
