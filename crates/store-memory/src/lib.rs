//! In-memory conditional store: the reference model, with fault injection.
