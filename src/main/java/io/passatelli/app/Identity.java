package io.passatelli.app;

import io.passatelli.os.Account;
import io.passatelli.os.Errno;
import io.passatelli.os.ProcessOs;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Who the process goes on as once it has opened what it needs: {@code --runas}, and without it nobody instead of root. Root of a user namespace stays
 * itself: there it may be the only user there is.
 */
record Identity(long user, long group) {
    private static final long ROOT = 0;
    private static final Account.User NOBODY = new Account.User(65_534, 65_534);
    private static final Path USER_MAP = Path.of("/proc/self/uid_map");
    /** What the first user namespace's map says: all there are. */
    private static final String ALL_USERS = "0 0 4294967295";

    /** Null: it stays who it is. Throws {@link IllegalArgumentException} with one sentence if there is no such user or group. */
    static @Nullable Identity chosen(ProcessOs os, @Nullable String runas) {
        Identity now = new Identity(os.user(), os.group());
        if (runas != null) {
            Identity wanted = parse(os, runas);
            return wanted.equals(now) ? null : wanted;
        }
        if (now.user != ROOT || !isFirstNamespace()) {
            return null;
        }
        Account.User nobody = os.user("nobody");
        return of(nobody == null ? NOBODY : nobody);
    }

    private static Identity of(Account.User user) {
        return new Identity(user.user(), user.group());
    }

    /** {@code USER} or {@code USER:GROUP}, each a number or a name. A number alone is the group's as well. */
    private static Identity parse(ProcessOs os, String text) {
        int colon = text.indexOf(':');
        String userText = colon < 0 ? text : text.substring(0, colon);
        Identity user = isNumber(userText)
                ? new Identity(number(userText), number(userText))
                : of(named(userText, os.user(userText)));
        if (colon < 0) {
            return user;
        }
        String groupText = text.substring(colon + 1);
        long group = isNumber(groupText) ? number(groupText) : os.group(groupText);
        if (group < 0) {
            throw new IllegalArgumentException("--runas: there is no group '" + groupText + "'");
        }
        return new Identity(user.user, group);
    }

    private static Account.User named(String name, Account.@Nullable User found) {
        if (found == null) {
            throw new IllegalArgumentException("--runas: there is no user '" + name + "'");
        }
        return found;
    }

    private static boolean isNumber(String text) {
        return !text.isEmpty() && text.chars().allMatch(c -> c >= '0' && c <= '9');
    }

    /** All ones means "no change" to the kernel, and names nobody. */
    private static long number(String text) {
        long number = text.length() > 10 ? Long.MAX_VALUE : Long.parseLong(text);
        if (number >= 0xffff_ffffL) {
            throw new IllegalArgumentException("--runas: " + text + " is no number of a user or group");
        }
        return number;
    }

    private static boolean isFirstNamespace() {
        try {
            return Files.readString(USER_MAP).strip().replaceAll(" +", " ").equals(ALL_USERS);
        } catch (IOException e) {
            return true; // a kernel without user namespaces
        }
    }

    /** All threads become it. Throws {@link IllegalStateException} with one sentence if the kernel refuses. */
    void take(ProcessOs os) {
        int rc = os.become(user, group);
        if (rc < 0) {
            throw new IllegalStateException("--runas: cannot become user " + user + ", group " + group + ": "
                    + Errno.text(-rc) + (os.user() == ROOT ? "" : "; only root can become another user"));
        }
    }
}
