package io.passatelli.e2e;

import io.passatelli.hook.LauncherDouble;
import io.passatelli.hook.RecordedBoot;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;

/**
 * {@link LauncherDouble} as a program, for scripts/demo-kubevirt.sh: {@code HOOKS VMI ANSWER RECORDED}. Finds one sidecar below HOOKS, makes the
 * calls that were recorded as RECORDED, but for the VMI in the file VMI, writes the last answer to the file ANSWER, and when its standard input ends
 * says that QEMU has ended.
 */
final class LauncherMain {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private LauncherMain() {}

    public static void main(String... args) throws Exception {
        RecordedBoot boot = RecordedBoot.of(args[3]).with(Files.readAllBytes(Path.of(args[1])));
        try (LauncherDouble launcher = new LauncherDouble(Path.of(args[0]), 1)) {
            for (LauncherDouble.Sidecar sidecar : launcher.collect(LIMIT)) {
                System.out.println("found " + sidecar.socket().getFileName() + ", which speaks " + sidecar.version()
                        + " and wants " + sidecar.hookPoints());
            }
            byte[] answer = launcher.sync(boot);
            say(launcher, 0);
            write(Path.of(args[2]), answer);
            int before = launcher.timings().size();
            System.in.transferTo(System.err);
            launcher.shutdown();
            say(launcher, before);
            if (launcher.timings().size() == before) {
                System.out.println("the Shutdown call was not answered");
                System.exit(1);
            }
        }
    }

    /** Whoever sees the file sees all of it. */
    private static void write(Path file, byte[] xml) throws IOException {
        Path beside = Files.write(file.resolveSibling(file.getFileName() + ".part"), xml);
        Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
    }

    private static void say(LauncherDouble launcher, int from) {
        launcher.timings().stream()
                .skip(from)
                .forEach(timing -> System.out.println(timing.call() + " answered in " + timing.answerMs() + " ms"));
    }
}
