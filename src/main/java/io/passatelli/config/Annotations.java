package io.passatelli.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Keys of a VMI's annotations, ours and the one of others that we look at. docs/ANNOTATIONS.md has their values. */
public final class Annotations {
    /** All of ours begin so. */
    public static final String PREFIX = "passatelli.io/";

    /** Ports of the pod that reach the guest: {@link ForwardRules}. */
    public static final String FORWARD = PREFIX + "forward";

    /** How the VM's NIC is connected. */
    public static final String TRANSPORT = PREFIX + "transport";

    /** The guest's MTU, bytes. */
    public static final String MTU = PREFIX + "mtu";

    /** Resolvers that the guest is told of, instead of the pod's. */
    public static final String DNS = PREFIX + "dns";

    /** Interface, or addresses, of the pod by which the guest's connections leave it. */
    public static final String OUTBOUND = PREFIX + "outbound";

    /** The controller writes it: whom the sidecar listens to. */
    public static final String CONTROLLER_KEY = PREFIX + "controller-key";

    /** The controller writes it: what became of the others. */
    public static final String STATUS = PREFIX + "status";

    /** Istio's: {@code true}, in any case, asks for its proxy in the pod. Newer versions of it look at the label of this name. */
    public static final String ISTIO_INJECT = "sidecar.istio.io/inject";

    /** Least MTU: IPv6 wants it, RFC 8200 §5. */
    public static final int MTU_LEAST = 1_280;

    private static final Set<String> KNOWN = Set.of(FORWARD, TRANSPORT, MTU, DNS, OUTBOUND, CONTROLLER_KEY, STATUS);
    private static final int MTU_DIGITS = 5;

    private Annotations() {}

    /** The MTU that is asked for, or the largest; throws {@link IllegalArgumentException} with one sentence. */
    public static int mtu(Map<String, String> annotations) {
        String text = annotations.get(MTU);
        if (text == null) {
            return GuestNetwork.MTU_MAX;
        }
        String digits = text.strip();
        boolean isNumber = !digits.isEmpty()
                && digits.length() <= MTU_DIGITS
                && digits.chars().allMatch(c -> c >= '0' && c <= '9');
        int mtu = isNumber ? Integer.parseInt(digits) : 0;
        if (mtu < MTU_LEAST || mtu > GuestNetwork.MTU_MAX) {
            throw new IllegalArgumentException(MTU + ": '" + PortText.shown(text) + "' is not a number of bytes from "
                    + MTU_LEAST + " to " + GuestNetwork.MTU_MAX);
        }
        return mtu;
    }

    /** One sentence for each annotation of our prefix that nobody looks at. */
    public static List<String> remarks(Set<String> keys) {
        List<String> remarks = new ArrayList<>();
        for (String key : keys.stream().sorted().toList()) {
            if (key.startsWith(PREFIX) && !KNOWN.contains(key)) {
                remarks.add("annotation " + PortText.shown(key) + " is none that we know, so it has no effect");
            }
        }
        return remarks;
    }
}
