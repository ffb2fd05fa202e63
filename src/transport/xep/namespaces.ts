/** The namespaces of the specifications in this folder, each with its source. @module */

/** RFC 6120: stanzas of a client. */
export const clientNamespace = "jabber:client";
/** XEP-0004 Data Forms. */
export const dataFormNamespace = "jabber:x:data";
/** XEP-0030 Service Discovery. */
export const discoInfoNamespace = "http://jabber.org/protocol/disco#info";
/** XEP-0060 Publish-Subscribe: requests. */
export const pubsubNamespace = "http://jabber.org/protocol/pubsub";
/** XEP-0060: requests of a node's owner. */
export const pubsubOwnerNamespace = "http://jabber.org/protocol/pubsub#owner";
/** XEP-0060: notifications. */
export const pubsubEventNamespace = "http://jabber.org/protocol/pubsub#event";
/** XEP-0115 Entity Capabilities. */
export const capsNamespace = "http://jabber.org/protocol/caps";
/** XEP-0203 Delayed Delivery. */
export const delayNamespace = "urn:xmpp:delay";
/** XEP-0334 Message Processing Hints. */
export const hintsNamespace = "urn:xmpp:hints";
/** XEP-0359 Unique and Stable Stanza IDs. */
export const stanzaIdNamespace = "urn:xmpp:sid:0";
/** XEP-0380 Explicit Message Encryption. */
export const encryptionNamespace = "urn:xmpp:eme:0";
/** XEP-0384, current version. */
export const omemo2Namespace = "urn:xmpp:omemo:2";
/** XEP-0384 version 0.3. */
export const legacyNamespace = "eu.siacs.conversations.axolotl";
/** XEP-0420 Stanza Content Encryption. */
export const sceNamespace = "urn:xmpp:sce:1";
/** XEP-0059 Result Set Management. */
export const resultSetNamespace = "http://jabber.org/protocol/rsm";
/** XEP-0184 Message Delivery Receipts. */
export const receiptsNamespace = "urn:xmpp:receipts";
/** XEP-0280 Message Carbons. */
export const carbonsNamespace = "urn:xmpp:carbons:2";
/** XEP-0297 Stanza Forwarding. */
export const forwardNamespace = "urn:xmpp:forward:0";
/** XEP-0313 Message Archive Management. */
export const archiveNamespace = "urn:xmpp:mam:2";
/** XEP-0333 Displayed Markers. */
export const markersNamespace = "urn:xmpp:chat-markers:0";
/** XEP-0490 Message Displayed Synchronization: namespace and name of the node. */
export const readPositionsNamespace = "urn:xmpp:mds:displayed:0";
