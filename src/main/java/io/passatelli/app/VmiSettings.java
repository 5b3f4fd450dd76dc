package io.passatelli.app;

import io.passatelli.base.HookLimits;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.Annotations;
import io.passatelli.config.DesiredForwards;
import io.passatelli.config.EphemeralPorts;
import io.passatelli.config.ForwardRules;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.GuestOptions;
import io.passatelli.config.PortForward;
import io.passatelli.hook.HookRefusal;
import io.passatelli.hook.Transport;
import io.passatelli.hook.Vmi;
import io.passatelli.host.HostNetwork;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What a VMI asks of its sidecar, in our words. Pure.
 *
 * @param options how the guest's network is to be
 * @param transport how QEMU reaches us
 * @param mtu of the guest, bytes
 * @param forwards what of the pod's ports reaches the guest
 * @param remarks one sentence for each thing that is not as it was asked for, or not as it should be
 */
record VmiSettings(
        GuestOptions options, Transport transport, int mtu, List<PortForward> forwards, List<String> remarks) {
    private static final String NONE = "none";
    private static final String NO_EFFECT = "; it has no effect on this migration";

    VmiSettings {
        forwards = List.copyOf(forwards);
        remarks = List.copyOf(remarks);
    }

    /** In every pod: the pod is closed to the guest, and nothing stands for its loopback. */
    static GuestOptions.Builder pod() {
        return GuestOptions.builder().mapHostLoopback(List.of(NONE)).hostClosed(true);
    }

    /** Of {@code vmi} in a pod whose network is {@code host}. What is wrong in the annotations is refused with one sentence. */
    static VmiSettings of(Vmi vmi, HostNetwork host, EphemeralPorts ephemeral) throws HookRefusal {
        return new Reader(vmi, host).read(ephemeral);
    }

    /** What reads an annotation. */
    @FunctionalInterface
    private interface Reading<T> {
        /** Throws {@link IllegalArgumentException} with one sentence that begins with the annotation. */
        T read();
    }

    /** Of one VMI. */
    private static final class Reader {
        private final Vmi vmi;
        private final Map<String, String> annotations;
        private final HostNetwork host;
        private final List<String> remarks = new ArrayList<>();

        Reader(Vmi vmi, HostNetwork host) {
            this.vmi = vmi;
            this.host = host;
            annotations = vmi.annotations();
        }

        VmiSettings read(EphemeralPorts ephemeral) throws HookRefusal {
            remarks.addAll(vmi.warnings());
            remarks.addAll(Annotations.remarks(annotations.keySet()));
            Transport transport = transport();
            int mtu = vmi.nic().mtu(orElse(() -> Annotations.mtu(annotations), GuestNetwork.MTU_MAX));
            GuestOptions.Builder options =
                    pod().templateInterface(podInterface()).mtu(Integer.toString(mtu));
            dns(options);
            outbound(options);
            List<PortForward> ports = vmi.nic().ports();
            ForwardRules.Resolution forwards = orElse(
                    () -> DesiredForwards.of(ports, annotations.get(Annotations.FORWARD), vmi.istio(), ephemeral),
                    DesiredForwards.withoutAnnotation(ports, vmi.istio(), ephemeral));
            remarks.addAll(forwards.remarks());
            List<PortForward> rules = forwards.forwards();
            if (!hasAddress(true) && hasAddress(false)) {
                rules = rules.stream().map(Reader::byIp6).toList();
            }
            return new VmiSettings(options.build(), transport, mtu, rules, remarks);
        }

        private boolean hasAddress(boolean v4) {
            return host.addresses().stream()
                    .filter(HostNetwork.Address::global)
                    .map(its -> its.cidr().address())
                    .anyMatch(ip -> ip.isV4() == v4 && !ip.isLoopback());
        }

        /** Whoever comes by the loopback of a pod without IPv4, as kubectl port-forward does, is to find 127.0.0.1 closed, and try ::1. */
        private static PortForward byIp6(PortForward rule) {
            return rule.address() == null ? rule.at(Ip.UNSPECIFIED6) : rule;
        }

        /** The target of a migration has no choice: its guest runs already, and what is wrong was so where it comes from. */
        private <T> T orElse(Reading<T> reading, T otherwise) throws HookRefusal {
            try {
                return reading.read();
            } catch (IllegalArgumentException e) {
                String sentence = String.valueOf(e.getMessage());
                if (!vmi.migrating()) {
                    throw new HookRefusal(sentence);
                }
                remarks.add(sentence + NO_EFFECT);
                return otherwise;
            }
        }

        private Transport transport() throws HookRefusal {
            try {
                return Transport.of(annotations);
            } catch (HookRefusal e) {
                if (!vmi.migrating()) {
                    throw e;
                }
                remarks.add(e.getMessage() + NO_EFFECT);
                return Transport.STREAM;
            }
        }

        private @Nullable String podInterface() {
            String name = vmi.nic().podInterface();
            if (host.named(name) != null) {
                return name;
            }
            remarks.add("this pod has no interface '" + name + "', so the guest gets the network of the best route");
            return null;
        }

        /** Resolvers instead of the pod's, or none at all. */
        private void dns(GuestOptions.Builder options) throws HookRefusal {
            List<String> items = orElse(() -> items(Annotations.DNS), List.of());
            if (items.isEmpty()) {
                return;
            }
            options.dns(orElse(() -> items.equals(List.of(NONE)) ? items : resolvers(items), List.of()));
        }

        private static List<String> resolvers(List<String> items) {
            int four = 0;
            int six = 0;
            for (String item : items) {
                Ip ip = ip(Annotations.DNS, item);
                if (!ip.isUnicast() || ip.isLoopback()) {
                    throw wrong(Annotations.DNS, item, "is no resolver's address: the guest has to reach it");
                }
                four += ip.isV4() ? 1 : 0;
                six += ip.isV4() ? 0 : 1;
            }
            if (Math.max(four, six) > Limits.RESOLVERS) {
                throw new IllegalArgumentException(
                        Annotations.DNS + ": at most " + Limits.RESOLVERS + " resolvers of one family can be told");
            }
            return items;
        }

        /** By which addresses, or which interface, of the pod the guest's traffic leaves. */
        private void outbound(GuestOptions.Builder options) throws HookRefusal {
            List<String> items = orElse(() -> items(Annotations.OUTBOUND), List.of());
            if (items.isEmpty()) {
                return;
            }
            HostNetwork.Interface named = items.size() == 1 ? host.named(items.getFirst()) : null;
            if (named != null && !named.loopback()) {
                options.outboundInterface4(items.getFirst()).outboundInterface6(items.getFirst());
                return;
            }
            options.outbound(orElse(() -> sources(items), List.of()));
        }

        private List<String> sources(List<String> items) {
            int four = 0;
            int six = 0;
            for (String item : items) {
                Ip ip = ip(Annotations.OUTBOUND, item);
                boolean own = host.addresses().stream()
                        .anyMatch(its -> its.cidr().address().equals(ip));
                if (!own || ip.isLoopback()) {
                    throw wrong(Annotations.OUTBOUND, item, "is neither an address nor an interface of this pod");
                }
                four += ip.isV4() ? 1 : 0;
                six += ip.isV4() ? 0 : 1;
            }
            if (four > 1 || six > 1) {
                throw new IllegalArgumentException(
                        Annotations.OUTBOUND + ": one address of each family is what traffic can come from");
            }
            return items;
        }

        private static Ip ip(String annotation, String item) {
            try {
                return Ip.parse(item);
            } catch (IllegalArgumentException e) {
                String what = annotation.equals(Annotations.OUTBOUND)
                        ? "is neither an address nor an interface of this pod"
                        : "is no IP address: " + e.getMessage();
                throw wrong(annotation, item, what);
            }
        }

        private static IllegalArgumentException wrong(String annotation, String item, String why) {
            return new IllegalArgumentException(annotation + ": '" + item + "' " + why);
        }

        /** Between commas and white space. Throws {@link IllegalArgumentException} with one sentence. */
        private List<String> items(String annotation) {
            String text = annotations.getOrDefault(annotation, "").strip();
            if (text.length() > HookLimits.LIST_CHARS) {
                throw new IllegalArgumentException(
                        annotation + ": " + text.length() + " characters are more than " + HookLimits.LIST_CHARS);
            }
            return text.isEmpty() ? List.of() : List.of(text.split("[,\\s]+", -1));
        }
    }
}
