package org.stateferry.service.notification;

import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * The receivers of definitions that name none themselves.
 *
 * @param webhook addresses that get events in JSON
 * @param mail mailboxes that get e-mail
 * @param ping addresses that are asked for with each start and end; {definition} in it stands for the definition's name
 * @param on what webhooks and e-mail tell of
 * @param from the sender of e-mail
 */
@ConfigurationProperties("stateferry.notify")
public record NotificationProperties(
        @DefaultValue List<String> webhook,
        @DefaultValue List<String> mail,
        @DefaultValue List<String> ping,

        @DefaultValue({"failure", "recovered", "missed", "damaged"})
        List<String> on,

        @DefaultValue("stateferry@localhost") String from) {

    /**
     * The rule for a definition.
     *
     * @throws StateferryException of kind {@link FailureKind#CONFIGURATION} if a setting is not valid
     */
    NotifyRule ruleFor(String definition) throws StateferryException {
        return new NotifyRule(
                Set.copyOf(parse("on", on, EventKind::parse)),
                parse("webhook", webhook, text -> NotifyRule.parseAddress(text, definition)),
                parse("mail", mail, NotifyRule::parseMailbox),
                parse("ping", ping, text -> NotifyRule.parseAddress(text, definition)));
    }

    private static <T> List<T> parse(String name, List<String> texts, Function<String, T> reading)
            throws StateferryException {
        try {
            if (texts.size() > NotifyRule.RECEIVERS_MAX) {
                throw new IllegalArgumentException("there are more than " + NotifyRule.RECEIVERS_MAX);
            }
            return texts.stream().map(reading).toList();
        } catch (IllegalArgumentException e) {
            throw StateferryException.of(
                            FailureKind.CONFIGURATION,
                            "the setting stateferry.notify." + name + " is not valid: " + e.getMessage())
                    .advise("Correct it in stateferry.properties, in the environment, or after -D.");
        }
    }
}
