/** Who is told what happens to a definition's imports, and how: webhooks, e-mail, pings. */
@NullMarked
package org.stateferry.service.notification;

import org.jspecify.annotations.NullMarked;
