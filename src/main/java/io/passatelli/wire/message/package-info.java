/** Messages that are handled a few times per lease, as records. Any thread. May import: base. */
@NullMarked
package io.passatelli.wire.message;

import org.jspecify.annotations.NullMarked;
