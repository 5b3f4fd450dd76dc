/** Words that every layer speaks: addresses, time, counters, bounds. Any thread unless said otherwise. May import: JDK. */
@NullMarked
package io.passatelli.base;

import org.jspecify.annotations.NullMarked;
