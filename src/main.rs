//! The `dlq` command. All of it is in the library; this only starts it.

/// A replay's allocations move between threads, to the store and to whoever reports them; the C
/// library's allocator would spend a fifth of a replay's CPU time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    dlq::main()
}
