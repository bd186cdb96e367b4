//! How the program is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|is| is == value);
    // Rust links with lld on this target alone.
    if is("TARGET", "x86_64-unknown-linux-gnu") && is("PROFILE", "release") {
        // Functions that come out the same are there once: generic code makes many.
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
        // Relocations as bits instead of 24 bytes each: a megabyte less. Needs glibc 2.36, which the program then names.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
