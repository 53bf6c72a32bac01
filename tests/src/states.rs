//! Jobs that tell records apart by what they hold: state stores on real servers, records that come again, and a reader of
//! its own that counts them.

mod census;
mod kind;
mod lines;
mod repeated;
mod server;

pub use census::Census;
pub use kind::StoreKind;
pub use lines::Lines;
pub use repeated::Repeated;
pub use server::StateServer;
