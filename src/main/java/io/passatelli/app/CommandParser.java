package io.passatelli.app;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Reads a role's command line the way passt(1) does: the last of a repeated option wins, long names are whole, errors are one sentence. */
final class CommandParser {
    private CommandParser() {}

    /** Fills {@code options}. Returns null to go on, or the exit code when there is nothing more to do. */
    static @Nullable Integer parse(Object options, String... args) {
        CommandLine line = new CommandLine(options)
                .setOverwrittenOptionsAllowed(true)
                .setAllowOptionsAsOptionParameters(true)
                .setExpandAtFiles(false);
        String name = line.getCommandName();
        try {
            refuseValuesOfFlags(line, args);
            ParseResult result = line.parseArgs(args);
            if (result.isUsageHelpRequested()) {
                line.usage(System.out);
                return ExitCode.OK;
            }
            if (result.isVersionHelpRequested()) {
                System.out.println(Version.line());
                return ExitCode.OK;
            }
            return null;
        } catch (UnmatchedArgumentException e) {
            String refusal = OtherOptions.refusal(e.getUnmatched().getFirst());
            if (refusal != null) {
                System.err.println(name + ": " + refusal);
                return ExitCode.FAILURE;
            }
            System.err.println(name + ": " + unknown(e.getUnmatched().getFirst()));
            System.err.println("Try '" + name + " --help'.");
            return ExitCode.FAILURE;
        } catch (MissingParameterException e) {
            System.err.println(name + ": " + e.getMessage());
            return ExitCode.FAILURE;
        } catch (ParameterException e) {
            System.err.println(name + ": " + sentence(e));
            return ExitCode.FAILURE;
        }
    }

    /** picocli would take {@code --flag=false}; getopt(3) and passt do not. */
    private static void refuseValuesOfFlags(CommandLine line, String... args) {
        for (String arg : args) {
            int equals = arg.startsWith("--") ? arg.indexOf('=') : -1;
            OptionSpec option = equals < 0 ? null : line.getCommandSpec().findOption(arg.substring(0, equals));
            if (option != null && option.arity().max() == 0) {
                throw new ParameterException(line, option.longestName() + " takes no value");
            }
        }
    }

    private static String unknown(String argument) {
        return argument.startsWith("-") && argument.length() > 1
                ? "unknown option '" + argument + "'"
                : "unexpected argument '" + argument + "': passt takes options only";
    }

    private static String sentence(ParameterException e) {
        String where = e.getArgSpec() instanceof OptionSpec option ? option.longestName() + ": " : "";
        String why = e.getCause() instanceof TypeConversionException cause ? cause.getMessage() : e.getMessage();
        return where + why;
    }
}
