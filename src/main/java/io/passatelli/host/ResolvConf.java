package io.passatelli.host;

import io.passatelli.base.IoReason;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.DomainName;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What resolv.conf(5) says: resolvers of each family and search domains, at most as many as {@link Limits} has; loopback ones are in. */
public record ResolvConf(List<Ip> resolvers4, List<Ip> resolvers6, List<String> search) {
    public static final ResolvConf EMPTY = new ResolvConf(List.of(), List.of(), List.of());
    public static final Path PATH = Path.of("/etc/resolv.conf");

    public ResolvConf {
        resolvers4 = List.copyOf(resolvers4);
        resolvers6 = List.copyOf(resolvers6);
        search = List.copyOf(search);
    }

    /**
     * Reads a file, its first {@link Limits#RESOLV_CONF_BYTES}; the last line of a longer one may be cut, and is left out. Where there is no
     * file nothing is said. Throws {@link IOException} with one sentence where there is one that cannot be read.
     */
    public static ResolvConf read(Path path) throws IOException {
        byte[] bytes;
        try (InputStream in = Files.newInputStream(path)) {
            bytes = in.readNBytes(Limits.RESOLV_CONF_BYTES);
        } catch (NoSuchFileException e) {
            return EMPTY;
        } catch (IOException e) {
            throw new IOException("cannot read " + path + ": " + IoReason.of(e), e);
        }
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        boolean cut = bytes.length == Limits.RESOLV_CONF_BYTES;
        return parse(cut ? text.substring(0, text.lastIndexOf('\n') + 1) : text);
    }

    /**
     * Takes any text; what it does not understand is as if it were not there. Keywords begin in the first column, as the C library wants it.
     * The last of all {@code search} and {@code domain} lines counts. The scope of a link-local resolver is left off: it names an interface of the host.
     */
    public static ResolvConf parse(String text) {
        List<Ip> resolvers4 = new ArrayList<>();
        List<Ip> resolvers6 = new ArrayList<>();
        List<String> search = List.of();
        for (String line : text.split("\\R", -1)) {
            String[] words = line.split("[ \\t]+");
            if (words.length < 2) {
                continue;
            }
            switch (words[0]) {
                case "nameserver" -> resolver(words[1], resolvers4, resolvers6);
                case "search" -> search = domains(words, words.length);
                case "domain" -> search = domains(words, 2);
                default -> {}
            }
        }
        return new ResolvConf(resolvers4, resolvers6, search);
    }

    private static void resolver(String word, List<Ip> resolvers4, List<Ip> resolvers6) {
        int scope = word.indexOf('%');
        Ip ip;
        try {
            ip = Ip.parse(scope < 0 ? word : word.substring(0, scope));
        } catch (IllegalArgumentException e) {
            return;
        }
        List<Ip> family = ip.isV4() ? resolvers4 : resolvers6;
        if (family.size() < Limits.RESOLVERS && !family.contains(ip)) {
            family.add(ip);
        }
    }

    /** Words 1 to {@code end}, up to a comment. The root, as systemd-resolved writes it for "none", is no domain to search. */
    private static List<String> domains(String[] words, int end) {
        List<String> domains = new ArrayList<>();
        for (int i = 1; i < end && domains.size() < Limits.SEARCH_DOMAINS; i++) {
            if (words[i].startsWith("#") || words[i].startsWith(";")) {
                break;
            }
            String domain = DomainName.withoutRoot(words[i]);
            if (DomainName.problem(domain) == null && !domains.contains(domain)) {
                domains.add(domain);
            }
        }
        return domains;
    }
}
