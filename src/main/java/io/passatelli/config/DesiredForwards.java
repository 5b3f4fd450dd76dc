package io.passatelli.config;

import io.passatelli.config.PortForward.Protocol;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Which ports of a VM's pod are to reach its guest: the ports of the VMI's interface, or all if it lists none; what the annotation
 * {@code passatelli.io/forward} adds and takes away; less what others need. The sidecar at boot and the controller later come to the same.
 */
public final class DesiredForwards {
    /** Of the control API, in a pod. */
    public static final int CONTROL_PORT = 15_987;

    /** The control API, health and metrics, and the door for kubectl. */
    private static final PortRange OURS = new PortRange(Protocol.TCP, CONTROL_PORT, 15_989);

    /** Where the VM's NIC is, on loopback, with the transport {@code stream-tcp}. */
    public static final int STREAM_TCP_PORT = 15_999;

    /** What Istio's proxy listens to in the pod (its documentation, "Ports used by Istio"); KubeVirt keeps the same from passt. */
    private static final int[] ISTIO = {15_000, 15_001, 15_004, 15_006, 15_008, 15_009, 15_020, 15_021, 15_053, 15_090};

    private DesiredForwards() {}

    /** Ports of the pod that are never forwarded. */
    public static List<PortRange> reserved(boolean istio) {
        Stream<PortRange> ours = Stream.of(OURS, new PortRange(Protocol.TCP, STREAM_TCP_PORT, STREAM_TCP_PORT));
        Stream<PortRange> its =
                IntStream.of(istio ? ISTIO : new int[0]).mapToObj(port -> new PortRange(Protocol.TCP, port, port));
        return Stream.concat(ours, its).toList();
    }

    /**
     * What is desired, and one sentence for each thing that was asked for and is not to be had here. Throws {@link IllegalArgumentException} with
     * one sentence, if the annotation is wrong: then nothing of it holds.
     *
     * <p>{@code auto} brings nothing: only a controller sees the Services of a cluster. It adds their ports when it comes.
     *
     * @param specPorts ports that the VMI's interface lists
     * @param annotation value of {@link Annotations#FORWARD}; null: there is none
     * @param istio whether Istio's proxy is in the pod
     * @param ephemeral ports of the pod that {@code all} leaves out
     */
    public static ForwardRules.Resolution of(
            List<PortForward> specPorts, @Nullable String annotation, boolean istio, EphemeralPorts ephemeral) {
        ForwardRules rules;
        try {
            rules = annotation == null ? ForwardRules.NOTHING : ForwardRules.parse(annotation);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(Annotations.FORWARD + ", " + e.getMessage(), e);
        }
        ForwardRules.Resolution resolution = rules.resolve(specPorts, reserved(istio), ephemeral);
        if (!rules.auto()) {
            return resolution;
        }
        List<String> remarks = new ArrayList<>(resolution.remarks());
        remarks.add("auto opens nothing before a controller has looked at the Services of the cluster");
        return new ForwardRules.Resolution(resolution.forwards(), remarks);
    }

    /**
     * What holds where the annotation is wrong and the guest is to run all the same, as on the target of a migration: the VMI's own ports, and
     * nothing if it lists none, since the annotation may have been there to close some.
     */
    public static ForwardRules.Resolution withoutAnnotation(
            List<PortForward> specPorts, boolean istio, EphemeralPorts ephemeral) {
        return of(specPorts, specPorts.isEmpty() ? "none" : null, istio, ephemeral);
    }
}
