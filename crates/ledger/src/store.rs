//! What can be put around any conditional store without changing what it says.

mod observed;
mod retrying;

pub use observed::{ObservedStore, StoreCall, StoreObserver};
pub use retrying::{RetryPolicy, RetryingStore};
