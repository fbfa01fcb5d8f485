"""Against TensorFlow Recommenders: `python benchmarks/tfrs.py ml-1m.zip`."""

from side_by_side import HERE, Peer, compare

if __name__ == "__main__":
    compare(
        Peer(
            name="TensorFlow Recommenders",
            packages=("tensorflow-cpu", "tf-keras", "tensorflow-recommenders"),
            variables={"TF_USE_LEGACY_KERAS": "1"},
            script=HERE / "peers" / "tfrs_joint.py",
        )
    )
