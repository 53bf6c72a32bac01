//! Contract suites for stores, each case proven by a lying double.
