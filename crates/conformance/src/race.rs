//! Several clients at a time.

use velostream_core::Result;

use crate::Violation;

/// How many there are.
pub(crate) const CLIENTS: u8 = 8;

/// Runs one task for each client, from 0, and collects what they return.
pub(crate) async fn race<T, F>(client: impl Fn(u8) -> F) -> Result<Vec<T>, Violation>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let tasks: Vec<_> = (0..CLIENTS).map(|n| tokio::spawn(client(n))).collect();
    let mut results = Vec::new();
    for task in tasks {
        let result = task.await.map_err(|_| Violation::Hangs { what: "a client" })?;
        results.push(result.map_err(|source| Violation::Failed { call: "a client's call", source })?);
    }
    Ok(results)
}
