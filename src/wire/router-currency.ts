/** What the router's prices are in: those of its list, and those that an operator sets. */
export const routerCurrency = 'USD'
