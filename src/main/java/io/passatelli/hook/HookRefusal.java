package io.passatelli.hook;

import io.passatelli.base.HookLimits;

/** A call of virt-launcher that is not fulfilled. One sentence for the VM's owner, who finds it in the event SyncFailed; virt-launcher asks again. */
public final class HookRefusal extends Exception {
    private static final long serialVersionUID = 1;
    private static final int SHOWN_CHARS = 64;

    /** {@code sentence} may quote what somebody else wrote: it is made short and printable here. */
    public HookRefusal(String sentence) {
        super(printable(sentence));
    }

    /** The message. */
    public String sentence() {
        return String.valueOf(getMessage());
    }

    /** Not too much of what somebody else wrote, for a sentence. */
    static String shown(String part) {
        return part.length() <= SHOWN_CHARS ? part : part.substring(0, SHOWN_CHARS) + "...";
    }

    private static String printable(String text) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= ' ' && c <= '~') {
                out.append(c);
            } else if (Character.isWhitespace(c)) {
                out.append(' ');
            } else {
                out.append(String.format("\\u%04x", (int) c));
            }
            if (out.length() > HookLimits.REFUSAL_CHARS) {
                return out.substring(0, HookLimits.REFUSAL_CHARS - 3) + "...";
            }
        }
        return out.toString();
    }
}
