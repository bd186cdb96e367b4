//! A small CPU stand-in for GPU nodes that speaks the real command lines.

fn main() {}
