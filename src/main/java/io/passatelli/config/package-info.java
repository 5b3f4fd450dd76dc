/** What a plane is told: immutable records and their text forms. Any thread. May import: base. */
@NullMarked
package io.passatelli.config;

import org.jspecify.annotations.NullMarked;
