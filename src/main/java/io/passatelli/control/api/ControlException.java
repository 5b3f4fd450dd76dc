package io.passatelli.control.api;

/** A request that is not fulfilled: a code for programs, and one sentence for people. */
public final class ControlException extends Exception {
    /** The line is no JSON object, or no request. */
    public static final String BAD_REQUEST = "bad-request";

    /** There is no request of that name. */
    public static final String UNKNOWN_REQUEST = "unknown-request";

    /** A line, or an answer, exceeds its bound. */
    public static final String TOO_LONG = "too-long";

    /** All places for clients are taken. */
    public static final String TOO_MANY_CLIENTS = "too-many-clients";

    /** The client is somebody else's process. */
    public static final String FORBIDDEN = "forbidden";

    /** This role, or this version of it, cannot do that. */
    public static final String NOT_AVAILABLE = "not-available";

    /** Understood, and not done: the sentence says why. */
    public static final String REFUSED = "refused";

    /** The plane did not answer in time. */
    public static final String BUSY = "busy";

    /** A bug of ours. */
    public static final String INTERNAL = "internal";

    private static final long serialVersionUID = 1;

    private final String code;

    public ControlException(String code, String sentence) {
        super(sentence);
        this.code = code;
    }

    public String code() {
        return code;
    }

    /** The message. */
    public String sentence() {
        return String.valueOf(getMessage());
    }
}
