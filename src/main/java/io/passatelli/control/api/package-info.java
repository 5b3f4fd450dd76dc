/** What a running role is asked, and answers, as JSON lines. The only user of Jackson. Any thread. May import: base, config. */
@NullMarked
package io.passatelli.control.api;

import org.jspecify.annotations.NullMarked;
