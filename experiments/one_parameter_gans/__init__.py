"""The pictures of `experiments.vector_fields`, and the closed forms that they are checked with."""
