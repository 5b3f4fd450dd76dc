/** The control socket of a running role, on a thread of its own. May import: base, config, control.api. */
@NullMarked
package io.passatelli.control.server;

import org.jspecify.annotations.NullMarked;
