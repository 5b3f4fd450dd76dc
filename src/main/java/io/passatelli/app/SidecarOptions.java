package io.passatelli.app;

import io.passatelli.base.Log;
import io.passatelli.hook.HookServer;
import io.passatelli.hook.Vmi;

import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What a sidecar is told when it starts: KubeVirt sets environment variables, and nothing else. The options are for who starts one elsewhere.
 *
 * @param containerName {@code CONTAINER_NAME}: the container, and the directory of it that QEMU sees
 * @param bindingName {@code NETWORK_BINDING_PLUGIN_NAME}: the key of the binding in KubeVirt's configuration
 * @param hookDirectory where virt-launcher looks for us
 * @param computeDirectory the same directory as QEMU sees it
 * @param threshold the least severe lines of the log
 */
record SidecarOptions(
        String containerName, String bindingName, Path hookDirectory, String computeDirectory, Log.Level threshold) {
    static final String USAGE = """
            Usage: passatelli sidecar [OPTIONS]
            The network of a KubeVirt VM, in its pod: a network binding plugin's sidecar.
              --hook-directory DIR     where virt-launcher looks for hook sockets (/var/run/kubevirt-hooks)
              --compute-directory DIR  the same as QEMU sees it (/var/run/kubevirt-hooks/$CONTAINER_NAME)
              --debug                  more lines in the log
            Environment: CONTAINER_NAME, as KubeVirt 1.6 and later set it; NETWORK_BINDING_PLUGIN_NAME (passatelli).""";

    private static final String HOOKS = "/var/run/kubevirt-hooks";
    private static final String DATA_SOCKET = "net/0.sock";
    private static final String STATE = "net/state.json";

    /** A name of several parts. */
    private static final Pattern BINDING_NAME = Pattern.compile("[A-Za-z0-9]([-._A-Za-z0-9]{0,251}[A-Za-z0-9])?");

    /** Throws {@link IllegalArgumentException} with one sentence. */
    static SidecarOptions parse(Map<String, String> environment, String... args) {
        String hooks = HOOKS;
        String compute = "";
        Log.Level threshold = Log.Level.INFO;
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--hook-directory" -> hooks = value(args, i++);
                case "--compute-directory" -> compute = value(args, i++);
                case "--debug" -> threshold = Log.Level.DEBUG;
                default ->
                    throw new IllegalArgumentException(
                            "'" + args[i] + "' is no option of the sidecar; 'passatelli sidecar --help' lists them");
            }
        }
        String container = environment.getOrDefault("CONTAINER_NAME", "");
        if (container.isEmpty()) {
            throw new IllegalArgumentException(
                    "CONTAINER_NAME is not set: KubeVirt sets it from version 1.6 on, and QEMU finds the socket by it");
        }
        if (!HookServer.isContainerName(container)) {
            throw new IllegalArgumentException("CONTAINER_NAME: '" + container + "' is no container's name");
        }
        String binding = environment.getOrDefault("NETWORK_BINDING_PLUGIN_NAME", Vmi.BINDING);
        if (!BINDING_NAME.matcher(binding).matches()) {
            throw new IllegalArgumentException("NETWORK_BINDING_PLUGIN_NAME: '" + binding + "' is no binding's name");
        }
        return new SidecarOptions(
                container, binding, Path.of(hooks), compute.isEmpty() ? HOOKS + "/" + container : compute, threshold);
    }

    private static String value(String[] args, int at) {
        if (at + 1 == args.length) {
            throw new IllegalArgumentException(args[at] + " needs a value");
        }
        return args[at + 1];
    }

    /** Where QEMU's end of the link connects. */
    Path socket() {
        return hookDirectory.resolve(DATA_SOCKET);
    }

    /** What the process that takes our place has to know. */
    Path state() {
        return hookDirectory.resolve(STATE);
    }

    /** Where QEMU connects, as it sees it. */
    String socketOfQemu() {
        return computeDirectory + "/" + DATA_SOCKET;
    }
}
