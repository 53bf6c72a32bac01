//! Load generator, nemesis and end-to-end suites.
