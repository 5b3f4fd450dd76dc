package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.base.Limits;
import io.passatelli.control.api.AnswerLine;
import io.passatelli.control.api.CaptureAnswer;
import io.passatelli.control.api.ControlException;
import io.passatelli.control.api.DropsAnswer;
import io.passatelli.control.api.FlowsAnswer;
import io.passatelli.control.api.ForwardsAnswer;
import io.passatelli.control.api.Request;
import io.passatelli.control.api.StatusAnswer;
import io.passatelli.control.client.ControlClient;
import io.passatelli.control.client.DropMeanings;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.Supplier;

/** The ctl role: asks a running role at its control socket, and prints what it answers. */
@Command(
        name = "passatelli ctl",
        description = "Asks a running Passatelli that was started with --control.",
        subcommands = {CtlCommand.Forwards.class, CtlCommand.Capture.class},
        sortOptions = false,
        usageHelpWidth = 100)
final class CtlCommand implements Callable<Integer> {
    /** The environment's name for the socket. */
    private static final String SOCKET = "PASSATELLI_CONTROL";

    private static final String NAME = "passatelli ctl: ";

    private final Map<String, String> environment;
    private final PrintStream out;
    private final PrintStream err;

    @Spec
    private @Nullable CommandSpec spec;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = ScopeType.INHERIT,
            description = "show this and exit")
    boolean help;

    @Option(
            names = "--socket",
            paramLabel = "PATH",
            scope = ScopeType.INHERIT,
            description = "the role's control socket (default: $" + SOCKET + ")")
    private @Nullable String socket;

    @Option(
            names = "--json",
            scope = ScopeType.INHERIT,
            description = "print the role's answer as it is, one line of JSON")
    private boolean json;

    CtlCommand(Map<String, String> environment, PrintStream out, PrintStream err) {
        this.environment = environment;
        this.out = out;
        this.err = err;
    }

    /** Returns the exit code. */
    static int run(String... args) {
        return new CtlCommand(System.getenv(), System.out, System.err).execute(args);
    }

    int execute(String... args) {
        CommandLine line = new CommandLine(this)
                .setExpandAtFiles(false)
                .setParameterExceptionHandler((e, words) -> wrong(e))
                .setExecutionExceptionHandler((e, where, result) -> failed(e));
        line.setOut(new PrintWriter(out, true, out.charset()));
        return line.execute(args);
    }

    private int wrong(ParameterException e) {
        String sentence = String.valueOf(e.getMessage()).lines().findFirst().orElse("wrong usage");
        err.println(StderrLog.printable(NAME + sentence));
        err.println("Try '" + e.getCommandLine().getCommandSpec().qualifiedName() + " --help'.");
        return ExitCode.USAGE;
    }

    private int failed(Exception e) {
        err.println(StderrLog.printable(NAME + e.getMessage()));
        return ExitCode.FAILURE;
    }

    private ParameterException usage(String sentence) {
        CommandSpec of = spec == null ? CommandSpec.create() : spec;
        return new ParameterException(of.commandLine(), sentence);
    }

    /** No subcommand. */
    @Override
    public Integer call() {
        throw usage("what is asked is missing");
    }

    @Command(description = "how it goes: the guest, traffic, memory")
    int status() throws IOException, ControlException {
        return ask(new Request.Status(), StatusAnswer.class, CtlText::of);
    }

    @Command(description = "the conversations of the guest")
    int flows(
            @Option(
                            names = "--most",
                            paramLabel = "N",
                            description = "at most so many (default: " + Limits.CONTROL_FLOWS + ")")
                    @Nullable
                    Integer most)
            throws IOException, ControlException {
        return ask(request(() -> new Request.Flows(most)), FlowsAnswer.class, CtlText::of);
    }

    @Command(description = "frames that went no further, by reason")
    int drops() throws IOException, ControlException {
        return ask(new Request.Drops(), DropsAnswer.class, answer -> CtlText.of(answer, DropMeanings.load()));
    }

    /** Forwards of ports. */
    @Command(name = "forwards", description = "the forwards of ports to the guest")
    static final class Forwards implements Callable<Integer> {
        private static final String NONE = "none";

        @ParentCommand
        private @Nullable CtlCommand ctl;

        @Override
        public Integer call() throws IOException, ControlException {
            return of(ctl).ask(new Request.Forwards(), ForwardsAnswer.class, CtlText::of);
        }

        @Command(description = "these forwards, and no others, from now on")
        int set(
                @Parameters(
                                paramLabel = "RULE",
                                arity = "1..*",
                                description = "such as tcp:8080:80 or udp:5000-5009; 'none' alone: no forwards")
                        List<String> rules)
                throws IOException, ControlException {
            CtlCommand asked = of(ctl);
            List<String> wanted = rules.equals(List.of(NONE)) ? List.of() : rules;
            boolean[] applied = new boolean[1];
            asked.ask(asked.request(() -> new Request.SetForwards(wanted)), ForwardsAnswer.class, answer -> {
                applied[0] = CtlText.isApplied(answer);
                return CtlText.outcome(answer);
            });
            return applied[0] ? ExitCode.OK : ExitCode.FAILURE;
        }
    }

    /** Captures of frames. */
    @Command(name = "capture", description = "capture of the guest's frames to a file")
    static final class Capture implements Callable<Integer> {
        @ParentCommand
        private @Nullable CtlCommand ctl;

        @Override
        public Integer call() {
            throw of(ctl).usage("capture: 'start' or 'stop' is missing");
        }

        @Command(description = "write the guest's frames to a file")
        int start(
                @Parameters(index = "0", paramLabel = "FILE", description = "as the role sees it") String file,
                @Parameters(
                                index = "1..*",
                                arity = "0..*",
                                paramLabel = "FILTER",
                                description = "port N, host ADDRESS: frames of these only")
                        @Nullable
                        List<String> filter,
                @Option(names = "--bytes", paramLabel = "N", description = "the file grows no larger") @Nullable
                        Long bytes)
                throws IOException, ControlException {
            CtlCommand asked = of(ctl);
            String path = absolute(asked, file);
            List<String> words = filter == null ? List.of() : new ArrayList<>(filter);
            return asked.ask(
                    asked.request(() -> new Request.StartCapture(path, words, bytes)),
                    CaptureAnswer.class,
                    CtlText::of);
        }

        /** The role has another working directory. */
        private static String absolute(CtlCommand ctl, String file) {
            try {
                return Path.of(file).toAbsolutePath().toString();
            } catch (InvalidPathException e) {
                throw ctl.usage("FILE: " + e.getReason());
            }
        }

        @Command(description = "end it")
        int stop() throws IOException, ControlException {
            return of(ctl).ask(new Request.StopCapture(), CaptureAnswer.class, CtlText::of);
        }
    }

    /** picocli has set it. */
    private static CtlCommand of(@Nullable CtlCommand parent) {
        if (parent == null) {
            throw new IllegalStateException("a subcommand without its command");
        }
        return parent;
    }

    /** What the API refuses by itself is wrong usage. */
    private <T extends Request> T request(Supplier<T> made) {
        try {
            return made.get();
        } catch (IllegalArgumentException e) {
            throw usage(String.valueOf(e.getMessage()));
        }
    }

    /** Asks, and prints the answer as {@code text} has it. */
    private <T> int ask(Request request, Class<T> type, Function<T, String> text) throws IOException, ControlException {
        try (ControlClient client = ControlClient.connect(socket(), Clock.system())) {
            String line = client.line(request);
            T answer;
            try {
                answer = AnswerLine.read(line, type);
            } catch (ControlException e) {
                if (json) {
                    out.println(StderrLog.printable(line));
                }
                throw e;
            }
            String readable = text.apply(answer);
            if (json) {
                out.println(StderrLog.printable(line));
            } else {
                out.print(readable);
                out.flush();
            }
            return ExitCode.OK;
        }
    }

    private Path socket() {
        String path = socket == null ? environment.get(SOCKET) : socket;
        if (path == null || path.isEmpty()) {
            throw usage("no socket is given: --socket PATH, or $" + SOCKET);
        }
        try {
            return Path.of(path);
        } catch (InvalidPathException e) {
            throw usage("--socket: " + e.getReason());
        }
    }
}
