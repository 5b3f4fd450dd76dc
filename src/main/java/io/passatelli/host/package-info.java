/** What the host side's kernel and files say about the network. Start-up, or loop thread. May import: base, config, os, loop. */
@NullMarked
package io.passatelli.host;

import org.jspecify.annotations.NullMarked;
