/** POSIX process calls by jnr-posix, its only user. Cold path, any thread. May import: base, os. */
@NullMarked
package io.passatelli.os.posix;

import org.jspecify.annotations.NullMarked;
