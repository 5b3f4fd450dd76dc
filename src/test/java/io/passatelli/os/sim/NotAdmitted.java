package io.passatelli.os.sim;

/** An answer that {@link SimOs} does not admit, or a call that no kernel would come back from. */
public final class NotAdmitted extends AssertionError {
    private static final long serialVersionUID = 1L;

    public NotAdmitted(String why) {
        super(why);
    }
}
