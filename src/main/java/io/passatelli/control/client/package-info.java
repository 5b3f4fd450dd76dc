/** The other end of a control socket. May import: base, config, control.api. */
@NullMarked
package io.passatelli.control.client;

import org.jspecify.annotations.NullMarked;
