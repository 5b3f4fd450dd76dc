package io.passatelli.app;

import java.util.Arrays;

/** Where the process starts: the first argument is the role. Stand-alone roles are plain Java; nothing else is loaded for them. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        int code = run(args);
        if (args.length > 0 && args[0].equals("sidecar")) {
            // what a container says is JSON: System.exit has loggers and hooks of others' say their last words
            Runtime.getRuntime().halt(code);
        }
        System.exit(code);
    }

    static int run(String... args) {
        String role = args.length == 0 ? "" : args[0];
        String[] rest = args.length == 0 ? args : Arrays.copyOfRange(args, 1, args.length);
        return switch (role) {
            case "passt" -> PasstCommand.run(rest);
            case "sidecar" -> SidecarCommand.run(rest);
            case "qrap" -> QrapCommand.run(rest);
            case "ctl" -> CtlCommand.run(rest);
            case "-h", "--help" -> usage(ExitCode.OK);
            case "--version" -> {
                System.out.println(Version.line());
                yield ExitCode.OK;
            }
            case "" -> usage(ExitCode.FAILURE);
            default -> {
                System.err.println("passatelli: '" + role + "' is no role of this program");
                yield usage(ExitCode.FAILURE);
            }
        };
    }

    private static int usage(int code) {
        (code == ExitCode.OK ? System.out : System.err).println("""
                        Usage: passatelli ROLE [OPTIONS]
                        Roles:
                          passt   the network of a QEMU guest, on a UNIX socket (-netdev stream)
                          sidecar the network of a KubeVirt VM, in its pod
                          qrap    runs QEMU with a connection to a passt as its network
                          ctl     asks a running role that was started with --control
                        'passatelli ROLE --help' lists a role's options.""");
        return code;
    }
}
