/** The kernel as return codes: {@code Os} for the loop thread, start-up interfaces beside it. May import: base. */
@NullMarked
package io.passatelli.os;

import org.jspecify.annotations.NullMarked;
