/**
 * The program as users meet it: {@code target/passatelli/bin/passt} as a process of an ordinary user in a network namespace, with a guest in
 * QEMU or a scripted one. Needs root and {@code make build}.
 */
@NullMarked
package io.passatelli.e2e;

import org.jspecify.annotations.NullMarked;
