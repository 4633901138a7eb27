package org.stateferry.installation;

import org.jspecify.annotations.Nullable;

/**
 * The result of sending a test notification to one receiver.
 *
 * @param receiver what it is: {@code webhook}, {@code mail} or {@code ping}
 * @param place where it is; of an address only the host, as the rest may be a secret
 * @param delivered whether it has taken it
 * @param problem why not, or null if it has
 */
public record NotificationResult(
        String receiver,
        String place,
        boolean delivered,
        @Nullable String problem) {}
