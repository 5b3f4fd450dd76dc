/** Header formats as stateless accessors over memory that {@link io.passatelli.wire.Frame} has checked once. Any thread. May import: base. */
@NullMarked
package io.passatelli.wire;

import org.jspecify.annotations.NullMarked;
