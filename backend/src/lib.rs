//! Doing it: everything that touches database, machines and engines.
