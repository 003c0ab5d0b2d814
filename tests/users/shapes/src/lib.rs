//! The shapes are in `tests/shapes`.
