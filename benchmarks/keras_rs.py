"""Against Keras-RS on JAX: `python benchmarks/keras_rs.py ml-1m.zip`."""

from side_by_side import HERE, Peer, compare

if __name__ == "__main__":
    compare(
        Peer(
            name="Keras-RS",
            packages=("jax", "keras", "keras-rs"),
            variables={"KERAS_BACKEND": "jax"},
            script=HERE / "peers" / "keras_rs_joint.py",
        )
    )
