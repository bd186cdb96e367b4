//! What people see: Leptos pages and server functions.
