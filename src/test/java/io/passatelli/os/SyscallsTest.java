package io.passatelli.os;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

import java.util.Set;
import java.util.TreeSet;

import static org.assertj.core.api.Assertions.assertThat;

/** The system calls that the house makes by itself, collected from {@link Syscalls}. */
class SyscallsTest {
    /** Read once: that takes seconds. */
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.passatelli");

    /** Every name on any binding class. */
    static Set<String> union() {
        Set<String> names = new TreeSet<>();
        for (JavaClass type : CLASSES) {
            if (type.isAnnotatedWith(Syscalls.class)) {
                names.addAll(Set.of(type.getAnnotationOfType(Syscalls.class).value()));
            }
        }
        return names;
    }

    @Test
    void theUnionIsKnown() {
        assertThat(union())
                .containsExactly(
                        "accept4",
                        "bind",
                        "chdir",
                        "close",
                        "connect",
                        "dup2",
                        "epoll_create1",
                        "epoll_ctl",
                        "epoll_pwait",
                        "epoll_pwait2",
                        "eventfd2",
                        "execve",
                        "fcntl",
                        "getegid",
                        "geteuid",
                        "getpid",
                        "getsockname",
                        "getsockopt",
                        "ioctl",
                        "listen",
                        "mmap",
                        "munmap",
                        "openat",
                        "prctl",
                        "prlimit64",
                        "readv",
                        "recvmmsg",
                        "recvmsg",
                        "rt_sigprocmask",
                        "sendmmsg",
                        "sendmsg",
                        "setgroups",
                        "setns",
                        "setresgid",
                        "setresuid",
                        "setsockopt",
                        "shutdown",
                        "socket",
                        "writev");
    }

    @Test
    void whoeverBindsAFunctionSaysWhichSystemCallsItMakes() {
        Set<String> silent = new TreeSet<>();
        for (JavaClass type : CLASSES) {
            for (JavaMethodCall call : type.getMethodCallsFromSelf()) {
                if (call.getTargetOwner().isEquivalentTo(LibC.class)
                        && call.getName().equals("function")
                        && !type.isAnnotatedWith(Syscalls.class)) {
                    silent.add(type.getName());
                }
            }
        }
        assertThat(silent).isEmpty();
    }
}
