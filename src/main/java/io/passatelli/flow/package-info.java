/** Conversations and the table that finds them; address translation. Loop thread only. May import: base, config, wire. */
@NullMarked
package io.passatelli.flow;

import org.jspecify.annotations.NullMarked;
