/** One epoll loop on one thread, its timers, its ready list and its mailbox. Loop thread only, but for {@code Mailbox}. May import: base, os. */
@NullMarked
package io.passatelli.loop;

import org.jspecify.annotations.NullMarked;
