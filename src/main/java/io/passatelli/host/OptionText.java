package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.config.DomainName;
import org.jspecify.annotations.Nullable;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/** Values of options, from text. What is wrong is an {@link IllegalArgumentException} of one sentence that begins with the option. */
final class OptionText {
    static final String NONE = "none";

    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,9}");

    private OptionText() {}

    /** The value of each family, which may be said once; {@code ipOf} tells a value's address. */
    static <T> Map<Family, T> eachOnce(
            String option, List<String> said, Function<String, T> parser, Function<T, Ip> ipOf) {
        Map<Family, T> values = new EnumMap<>(Family.class);
        for (String text : said) {
            T value = parser.apply(text);
            Family family = Family.of(ipOf.apply(value));
            if (values.put(family, value) != null) {
                throw wrong(option, "it is said more than once for " + family);
            }
        }
        return values;
    }

    static Ip ip(String option, String text) {
        return checked(option, () -> Ip.parse(text));
    }

    /** The address of one host, which may be this one. */
    static Ip hosts(String option, String text) {
        Ip ip = ip(option, text);
        if (!ip.isUnicast()) {
            throw wrong(option, ip + " is not one host's address");
        }
        return ip;
    }

    static Ip unicast(String option, String text) {
        Ip ip = ip(option, text);
        if (!ip.isUnicast() || ip.isLoopback()) {
            throw wrong(option, ip + " is not a unicast address other than loopback");
        }
        return ip;
    }

    static int number(String option, String text, int most) {
        if (!NUMBER.matcher(text).matches() || Integer.parseInt(text) > most) {
            throw wrong(option, "'" + text + "' is not a number from 0 to " + most);
        }
        return Integer.parseInt(text);
    }

    static @Nullable String name(String option, @Nullable String said, int most) {
        if (said == null) {
            return null;
        }
        String name = DomainName.withoutRoot(said);
        String problem = name.length() > most ? "it has more than " + most + " characters" : DomainName.problem(name);
        if (problem != null) {
            throw wrong(option, "'" + said + "' is not a name: " + problem);
        }
        return name;
    }

    static <T> T checked(String option, Supplier<T> parser) {
        try {
            return parser.get();
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(option + ": " + e.getMessage(), e);
        }
    }

    static IllegalArgumentException wrong(String option, String why) {
        return new IllegalArgumentException(option + ": " + why);
    }
}
