package io.passatelli.os;

/** A system call failed at start-up, where nobody can go on without it. The data path handles {@code -errno} where it happens instead. */
public final class SyscallException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final String call;
    private final int errno;

    /** {@code errno} is positive. */
    public SyscallException(String call, int errno) {
        super(call + ": " + Errno.text(errno) + " (" + Errno.name(errno) + ")");
        this.call = call;
        this.errno = errno;
    }

    public String call() {
        return call;
    }

    public int errno() {
        return errno;
    }
}
