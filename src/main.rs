//! The `dlq` command. All of it is in the library; this only starts it.

/// What a replay allocates goes from thread to thread, to the store and to whoever tells of it; the C library's allocator
/// spends a fifth of a replay's processor time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    dlq::main()
}
